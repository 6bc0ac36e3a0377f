"""The AWS services, one folder each; they meet through `ports` only."""

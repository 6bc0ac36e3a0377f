"""Identity and Access Management: roles, managed and inline policies."""

"""What confines a function. Run by the runtimes' own interpreters: Python 3.9 syntax, its library only."""

"""Policy documents: parsed once, compiled, and evaluated without I/O."""

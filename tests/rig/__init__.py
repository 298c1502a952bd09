"""A shed for demo and tests: real programs, real broker, real files; witnesses that judge them."""

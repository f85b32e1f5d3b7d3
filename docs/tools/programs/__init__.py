"""Commands, examples and source code, as pages show them."""

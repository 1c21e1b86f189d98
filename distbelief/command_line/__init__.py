"""The command line: one module per command of `distbelief`, each with a `main`."""

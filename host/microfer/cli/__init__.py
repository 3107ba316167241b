"""The command line: a module a verb with its options, a call into the packages, and the printing of the result."""

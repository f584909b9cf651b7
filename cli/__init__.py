"""The `karamail` command line: the only room besides `demo` that may look into all the others."""

"""One executable a data set: parse, read, call one function, write, report."""

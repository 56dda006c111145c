"""The HTTP side: Lambda's API, the worker protocol, plain REST."""

"""The HTTP client, against a server that writes its answers byte by byte."""

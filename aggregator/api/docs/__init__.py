"""The page at /docs, written by the server from the OpenAPI document."""

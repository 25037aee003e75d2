"""The aggregator's answers over HTTP and WebSocket, described by the OpenAPI document it makes from its own routes."""

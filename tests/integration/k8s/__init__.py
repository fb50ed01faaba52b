"""The manifests with real servers: the router, the API server."""

"""The routes, one module a subject; each declares what it takes and gives."""

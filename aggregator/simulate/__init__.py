"""The synthetic city: seeded people in seeded cameras with exact truth, for tests, for load and for planning a site."""

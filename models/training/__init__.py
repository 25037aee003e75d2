"""Re-ID weights from generated people: make the people, train a network, export and judge it. Extra `[train]`."""

"""`./run faults`: real processes on loopback, real faults, and a count of what is there afterwards."""

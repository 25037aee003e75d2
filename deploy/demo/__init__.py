"""`./run demo`: a small site on this machine, with everything real but the distance."""

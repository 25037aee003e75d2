"""Who is who: gate → score → assign, plain values in, plain values out."""

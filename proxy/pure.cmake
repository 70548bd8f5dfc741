# The proxy's pure part: heads, bodies and plans as functions of bytes. No I/O, no clock.

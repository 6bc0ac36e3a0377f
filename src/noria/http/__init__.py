"""HTTP/1.1: what a request and an answer are, and the server that carries them."""

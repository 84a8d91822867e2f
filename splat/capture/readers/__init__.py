"""The readers of captures, one module each; `registry` lists them."""

"""gRPC: other programs' door to the engines, and ours to engines elsewhere."""

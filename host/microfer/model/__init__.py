"""The SqueezeNet family and its baselines: frozen configurations, one description of the graph, what builds from it."""

"""The SqueezeNet family: frozen configurations, one description of the graph, and what builds from it."""

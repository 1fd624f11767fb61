"""Product images become vectors: decode safely, embed with ResNet152, reduce with PCA."""

"""An H&M-shaped data set of any size, images included."""

"""What `bench_images` is made of."""

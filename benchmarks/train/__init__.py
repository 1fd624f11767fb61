"""What `bench_train` measures: synthetic examples, this project's training and its peer's."""

"""Parts of bench_publish: what is published, and what it is held against."""

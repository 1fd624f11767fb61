"""What can run the network: OpenVINO or TensorFlow, on this machine's processor or its GPUs."""

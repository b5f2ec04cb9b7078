"""The benchmarks run, notice what is lost, and say what they found; how fast anything is does not matter here."""

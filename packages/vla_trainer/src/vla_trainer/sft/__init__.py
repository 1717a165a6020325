"""Supervised fine-tuning on demonstrations.

    Minari dataset --open_demonstrations--> checked against the environment
         |  read once: no-ops left out, chunks of the next C actions
         v
    Policy steps (images in a file that is mapped into memory)
         |  Loader: shuffled, augmented and preprocessed by threads, ahead of the trainer
         v
    batches --fit--> cross-entropy of action tokens, or L1 --> optimizer

Every batch follows from the seed and its number alone, so that a run goes on after a kill as if there had been none.
"""

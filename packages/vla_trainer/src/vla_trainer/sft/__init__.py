"""Supervised fine-tuning on demonstrations.

    Minari dataset --open_demonstrations--> checked against the environment
         |  read once: no-ops left out, chunks of the next C actions
         v
    PolicySteps (images in a file that is mapped into memory)
         |  Loader: shuffled, augmented and preprocessed by threads, ahead of the trainer
         v
    batches --fit--> cross-entropy of action tokens, or L1 --> optimizer

A batch follows from the seed and its number alone, so a run that was killed goes on as if it had not been.
"""

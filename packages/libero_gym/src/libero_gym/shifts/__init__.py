"""Distribution shifts: what an evaluation or a training changes in LIBERO's tasks, in levels, reproducibly.

shift= argument --request--> ShiftRequest --sample(task, state, seed)--> Variants --> what each axis changes
                                  +--> pro: LIBERO-PRO's files as a source of scenes
"""

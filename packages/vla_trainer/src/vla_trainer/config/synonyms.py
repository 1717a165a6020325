"""What other projects call our keys, so that a message about an unknown key can name the right one.

Sources: Stable-Baselines3 (SB3, the arguments of `PPO`), CleanRL (`ppo.py`), RLinf (a3816b5, its YAML), verl
(`ppo_trainer.yaml`), TRL (`GRPOConfig`, `SFTConfig`, with transformers' `TrainingArguments`), RLlib (`PPOConfig`) and
rsl_rl.
"""

from collections.abc import Sequence

SYNONYMS: dict[str, tuple[str, ...]] = {
    # the optimizer
    "learning_rate": ("actor.lr",),  # SB3, CleanRL, TRL, rsl_rl
    "actor_lr": ("actor.lr",),
    "lr_actor": ("actor.lr",),
    "value_lr": ("actor.critic_lr",),  # RLinf
    "lr_critic": ("actor.critic_lr",),
    "adam_eps": ("actor.eps",),  # RLinf
    "adam_epsilon": ("actor.eps",),  # TRL
    "adam_beta1": ("actor.betas",),  # RLinf, TRL
    "adam_beta2": ("actor.betas",),  # RLinf, TRL
    "adam_betas": ("actor.betas",),
    "wd": ("actor.weight_decay",),
    "clip_grad": ("actor.max_grad_norm",),  # RLinf
    "grad_clip": ("actor.max_grad_norm",),  # verl, RLlib
    "gradient_clip": ("actor.max_grad_norm",),
    "gradient_clipping": ("actor.max_grad_norm",),
    "grad_norm": ("actor.max_grad_norm",),
    "clip_grad_norm": ("actor.max_grad_norm",),
    "gradient_clip_val": ("actor.max_grad_norm",),
    "anneal_lr": ("actor.lr_schedule",),  # CleanRL
    "lr_scheduler": ("actor.lr_schedule",),
    "lr_scheduler_type": ("actor.lr_schedule",),  # TRL
    "schedule": ("actor.lr_schedule",),  # rsl_rl
    "min_lr": ("actor.lr_final_fraction",),  # RLinf
    "min_lr_ratio": ("actor.lr_final_fraction",),  # verl
    "warmup_steps": ("actor.lr_warmup_iterations",),  # TRL
    "lr_warmup_steps": ("actor.lr_warmup_iterations",),  # RLinf, verl
    "warmup": ("actor.lr_warmup_iterations",),
    "critic_warmup": ("algorithm.critic_warmup_iterations",),  # verl
    "batch_size": ("actor.global_batch_size",),  # SB3
    "minibatch": ("actor.global_batch_size",),
    "mini_batch": ("actor.global_batch_size",),
    "minibatch_size": ("actor.global_batch_size",),  # CleanRL, RLlib
    "mini_batch_size": ("actor.global_batch_size",),
    "sgd_minibatch_size": ("actor.global_batch_size",),  # RLlib
    "ppo_mini_batch_size": ("actor.global_batch_size",),  # verl
    "train_batch_size": ("actor.global_batch_size",),  # verl, RLlib
    "num_minibatches": ("actor.global_batch_size",),  # CleanRL
    "num_mini_batches": ("actor.global_batch_size",),  # rsl_rl
    "microbatch_size": ("actor.micro_batch_size",),
    "ppo_micro_batch_size": ("actor.micro_batch_size",),  # verl
    "ppo_micro_batch_size_per_gpu": ("actor.micro_batch_size",),  # verl
    "per_device_train_batch_size": ("actor.micro_batch_size",),  # TRL
    "gradient_accumulation_steps": ("actor.micro_batch_size",),  # TRL
    "enable_offload": ("actor.offload",),  # RLinf
    "optimizer_offload": ("actor.offload",),  # verl
    "param_offload": ("actor.offload",),  # verl
    # the loss
    "n_epochs": ("algorithm.epochs",),  # SB3
    "num_epochs": ("algorithm.epochs",),  # RLlib
    "update_epochs": ("algorithm.epochs",),  # CleanRL
    "update_epoch": ("algorithm.epochs",),  # RLinf
    "ppo_epochs": ("algorithm.epochs",),  # verl
    "num_iterations": ("algorithm.epochs",),  # TRL: passes over a batch
    "num_sgd_iter": ("algorithm.epochs",),  # RLlib
    "num_learning_epochs": ("algorithm.epochs",),  # rsl_rl
    "discount": ("algorithm.gamma",),
    "discount_factor": ("algorithm.gamma",),
    "lambda": ("algorithm.lam",),
    "lambda_": ("algorithm.lam",),  # RLlib
    "gae_lambda": ("algorithm.lam",),  # SB3, CleanRL, RLinf
    "gae_lam": ("algorithm.lam",),
    "ent_coef": ("algorithm.entropy_coef",),  # SB3, CleanRL
    "entropy_coeff": ("algorithm.entropy_coef",),  # verl, RLlib
    "entropy_bonus": ("algorithm.entropy_coef",),  # RLinf
    "vf_coef": ("algorithm.value_coef",),  # SB3, CleanRL
    "vf_loss_coeff": ("algorithm.value_coef",),  # RLlib
    "value_loss_coef": ("algorithm.value_coef",),  # rsl_rl
    "clip_range": ("algorithm.clip_low", "algorithm.clip_high"),  # SB3
    "clip_coef": ("algorithm.clip_low", "algorithm.clip_high"),  # CleanRL
    "clip_param": ("algorithm.clip_low", "algorithm.clip_high"),  # RLlib, rsl_rl
    "clip_ratio": ("algorithm.clip_low", "algorithm.clip_high"),  # verl
    "clip_eps": ("algorithm.clip_low", "algorithm.clip_high"),
    "epsilon": ("algorithm.clip_low", "algorithm.clip_high"),  # TRL
    "clip_ratio_low": ("algorithm.clip_low",),  # RLinf, verl
    "clip_ratio_high": ("algorithm.clip_high",),  # RLinf, verl
    "epsilon_high": ("algorithm.clip_high",),  # TRL
    "clip_ratio_c": ("algorithm.dual_clip",),  # RLinf, verl
    "clip_range_vf": ("algorithm.value_clip",),  # SB3
    "clip_vloss": ("algorithm.value_clip",),  # CleanRL
    "vf_clip_param": ("algorithm.value_clip",),  # RLlib
    "cliprange_value": ("algorithm.value_clip",),  # verl
    "kl_beta": ("algorithm.kl_coef",),  # RLinf
    "kl_coeff": ("algorithm.kl_coef",),  # RLlib
    "kl_loss_coef": ("algorithm.kl_coef",),  # verl
    "beta": ("algorithm.kl_coef",),  # TRL
    "kl_target": ("algorithm.target_kl",),  # RLlib
    "desired_kl": ("algorithm.target_kl",),  # rsl_rl
    "norm_adv": ("algorithm.normalize_advantages",),  # CleanRL
    "normalize_advantage": ("algorithm.normalize_advantages",),  # SB3
    "loss_agg_mode": ("algorithm.aggregate",),  # RLinf, verl
    "loss_type": ("algorithm.aggregate", "algorithm.loss"),  # RLinf, TRL
    "adv_type": ("algorithm.name",),  # RLinf
    "adv_estimator": ("algorithm.name",),  # verl
    "num_generations": ("algorithm.group_size",),  # TRL
    "rollout_n": ("algorithm.group_size",),
    "filter_rewards": ("algorithm.keep_mean_return",),  # RLinf
    "rewards_lower_bound": ("algorithm.keep_mean_return",),  # RLinf
    "rewards_upper_bound": ("algorithm.keep_mean_return",),  # RLinf
    # how much is collected
    "n_steps": ("rollout.horizon", "rollout.episodes"),  # SB3
    "num_steps": ("rollout.horizon", "rollout.episodes"),  # CleanRL
    "num_steps_per_env": ("rollout.horizon", "rollout.episodes"),  # rsl_rl
    "rollout_length": ("rollout.horizon", "rollout.episodes"),
    "rollout_fragment_length": ("rollout.horizon", "rollout.episodes"),  # RLlib
    "rollout_epoch": ("rollout.horizon", "rollout.episodes"),  # RLinf
    "num_trajectories": ("rollout.episodes",),
    "temperature_train": ("rollout.temperature",),  # RLinf
    "temperature_eval": ("eval.temperature",),  # RLinf
    # environments
    "n_envs": ("env.num_envs",),  # SB3's make_vec_env
    "num_environments": ("env.num_envs",),
    "total_num_envs": ("env.num_envs",),  # RLinf
    "env_id": ("env.id",),  # CleanRL
    "env_name": ("env.id",),
    "env_type": ("env.id",),  # RLinf
    "task_suite_name": ("env.id",),  # LIBERO, RLinf
    "task_id": ("env.task",),
    "num_action_chunks": ("env.action_chunk",),  # RLinf
    "chunk_size": ("env.action_chunk",),
    "max_steps": ("env.max_episode_steps",),
    "max_steps_per_rollout_epoch": ("env.max_episode_steps",),  # RLinf
    "episode_length": ("env.max_episode_steps",),
    "num_steps_wait": ("env.settle_steps",),  # OpenVLA-OFT
    "reward_coef": ("env.reward_scale",),  # RLinf
    "num_workers": ("env.workers",),  # RLlib
    "n_workers": ("env.workers",),
    "num_env_runners": ("env.workers",),  # RLlib
    # the policy
    "model_path": ("policy.checkpoint",),  # RLinf, verl
    "pretrained_path": ("policy.checkpoint",),
    "lora_rank": ("policy.lora.rank",),  # RLinf, verl
    "lora_r": ("policy.lora.rank",),  # TRL
    "lora_alpha": ("policy.lora.alpha",),
    "enable_gradient_checkpointing": ("policy.gradient_checkpointing",),  # verl
    "dtype": ("policy.precision",),
    "bf16": ("policy.precision",),  # TRL
    "policy_kwargs": ("policy.kwargs",),  # SB3
    # the run
    "max_epochs": ("trainer.iterations",),  # RLinf
    "total_epochs": ("trainer.iterations",),  # verl
    "total_timesteps": ("trainer.iterations",),  # SB3, CleanRL
    "total_training_steps": ("trainer.iterations",),  # verl
    "num_train_epochs": ("trainer.iterations",),  # TRL
    "max_iterations": ("trainer.iterations",),  # rsl_rl
    "steps": ("trainer.iterations",),
    "save_interval": ("trainer.save_every",),  # RLinf, rsl_rl
    "save_freq": ("trainer.save_every",),  # SB3, verl
    "save_steps": ("trainer.save_every",),  # TRL
    "save_total_limit": ("trainer.keep_checkpoints",),  # TRL
    "val_check_interval": ("trainer.eval_every",),  # RLinf
    "test_freq": ("trainer.eval_every",),  # verl
    "eval_freq": ("trainer.eval_every",),  # SB3
    "eval_steps": ("trainer.eval_every",),  # TRL
    "eval_interval": ("trainer.eval_every",),
    "n_eval_episodes": ("eval.episodes",),  # SB3
    "num_eval_episodes": ("eval.episodes",),
    "random_seed": ("trainer.seed",),
    "num_threads": ("trainer.threads",),
    "wandb": ("trainer.logger.wandb.enable",),
    "track": ("trainer.logger.wandb.enable",),  # CleanRL
    "use_wandb": ("trainer.logger.wandb.enable",),
    "report_to": ("trainer.logger.wandb.enable",),  # TRL
    "logger_backends": ("trainer.logger.wandb.enable",),  # RLinf
    "tensorboard_log": ("trainer.logger.tensorboard.enable",),  # SB3
    "wandb_project": ("trainer.logger.wandb.project_name",),
    "wandb_project_name": ("trainer.logger.wandb.project_name",),  # CleanRL
    "run_name": ("trainer.logger.wandb.experiment_name",),  # TRL
    "exp_name": ("trainer.logger.wandb.experiment_name",),  # CleanRL
    "log_path": ("output_dir",),  # RLinf
    "log_dir": ("output_dir",),
    "save_dir": ("output_dir",),
    "default_local_dir": ("output_dir",),  # verl
    "capture_video": ("video_cfg.save_video",),  # CleanRL
    "video": ("video_cfg.save_video",),
    "nnodes": ("cluster.num_nodes",),  # verl
    "n_gpus_per_node": ("cluster.gpus_per_node",),  # verl
    "num_gpus": ("cluster.gpus_per_node",),
    "placement": ("cluster.component_placement",),
}
"""Another project's key, in lower case, to ours; several: those of them that the chosen algorithm reads."""


def known_as(name: str, keys: Sequence[str]) -> list[str]:
    """Of `keys`, written `section.key`, those that `name` stands for: by its own name elsewhere, or by a synonym."""
    moved = [key for key in keys if key.rpartition(".")[2] == name]
    if moved:
        return moved
    synonym = name.lower().replace("-", "_")
    return [key for key in SYNONYMS.get(synonym, ()) if key in keys]

"""A critic of the trainer's own: fitted in the trainer's process, beside the policy's update."""

from vla_trainer.critic.critic import Critic

__all__ = ["Critic"]

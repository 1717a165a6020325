from lerobot.processor import PolicyAction, PolicyProcessorPipeline
from lerobot.processor.converters import policy_action_to_transition, transition_to_policy_action


def make_replay_pre_post_processors(config, dataset_stats=None):
    return PolicyProcessorPipeline(steps=[]), PolicyProcessorPipeline[PolicyAction, PolicyAction](
        steps=[], to_transition=policy_action_to_transition, to_output=transition_to_policy_action
    )

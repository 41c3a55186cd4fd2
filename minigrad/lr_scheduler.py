"""Learning-rate schedules, with PyTorch's names: `optim.lr_scheduler`.

A schedule says what the learning rate is after t steps, given the one that the optimiser began with.  Nothing else is
kept, so resuming needs t alone.
"""
import math


class LRScheduler:
    """What all schedules share: `step()` after each of the optimiser's steps (or epochs) sets its groups' "lr".

    last_epoch      t, how often step() was called
    """

    def __init__(self, optimizer):
        self.optimizer, self.last_epoch = optimizer, 0
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.apply()

    def lr(self, initial, t):
        """The learning rate after t steps, for a group that began with `initial`."""
        raise NotImplementedError(f"{type(self).__name__}: a schedule must define lr(initial, t)")

    def apply(self):
        """Set the groups' learning rates."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr(group["initial_lr"], self.last_epoch)

    def step(self):
        """Go on by one step."""
        self.last_epoch += 1
        self.apply()

    def get_last_lr(self):
        """The current learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self):
        """What resuming needs."""
        return {"last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict):
        """Go on from where state_dict() was called.  The optimiser's own state is loaded before."""
        self.last_epoch = state_dict["last_epoch"]
        self.apply()


class StepLR(LRScheduler):
    """Times gamma every step_size steps: initial * gamma ** floor(t / step_size)."""

    def __init__(self, optimizer, step_size, gamma=0.1):
        self.step_size, self.gamma = positive("StepLR", "step_size", step_size), gamma
        super().__init__(optimizer)

    def lr(self, initial, t):
        return initial * self.gamma ** (t // self.step_size)


class CosineAnnealingLR(LRScheduler):
    """Down to eta_min along half a cosine in T_max steps (Loshchilov and Hutter, ICLR 2017)."""

    def __init__(self, optimizer, T_max, eta_min=0.0):
        self.T_max, self.eta_min = positive("CosineAnnealingLR", "T_max", T_max), eta_min
        super().__init__(optimizer)

    def lr(self, initial, t):
        return self.eta_min + (initial - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


class LinearLR(LRScheduler):
    """A warm-up: from start_factor to end_factor times the initial rate in total_iters steps, in a straight line."""

    def __init__(self, optimizer, start_factor=1 / 3, end_factor=1.0, total_iters=5):
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = positive("LinearLR", "total_iters", total_iters)
        super().__init__(optimizer)

    def lr(self, initial, t):
        done = min(t / self.total_iters, 1)
        return initial * (self.start_factor + (self.end_factor - self.start_factor) * done)


class SequentialLR(LRScheduler):
    """One schedule after another, each counting from 0: schedulers[k] runs from milestones[k - 1] to milestones[k]."""

    def __init__(self, optimizer, schedulers, milestones):
        if len(milestones) != len(schedulers) - 1 or list(milestones) != sorted(milestones):
            raise ValueError(f"SequentialLR: {len(schedulers)} schedules need {len(schedulers) - 1} milestones, in "
                             f"increasing order, not {list(milestones)}")
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer)

    def lr(self, initial, t):
        k = sum(t >= milestone for milestone in self.milestones)
        return self.schedulers[k].lr(initial, t - (self.milestones[k - 1] if k else 0))


def positive(schedule, name, value):
    """The value, or ValueError if it is not above 0."""
    if not value > 0:
        raise ValueError(f"{schedule}: {name} must be above 0, and is {value}")
    return value

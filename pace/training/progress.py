"""How a training loop reports: a progress bar on a terminal, lines in a log file."""

from types import TracebackType


class TrainingProgress:
    """A progress bar over the steps of a training; without a terminal, a line every `line_every` steps.

    Use it in `with`. Shows the step's values with four digits. `enabled`: False for all but the first process.
    """

    def __init__(self, name: str, steps: int, line_every: int, enabled: bool = True) -> None:
        from tqdm import tqdm

        self.line_every, self.enabled = line_every, enabled
        self.bar = tqdm(total=steps, desc=name, unit="step", disable=None if enabled else True)

    def __enter__(self) -> "TrainingProgress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()

    def __call__(self, step: int, values: dict[str, float]) -> None:
        """Report the values after `step` steps."""
        texts = {name: f"{value:.4g}" for name, value in values.items()}
        self.bar.set_postfix(texts)
        self.bar.update(step - self.bar.n)
        if self.enabled and self.bar.disable and step % self.line_every == 0:
            print(f"step {step}: {', '.join(f'{name} {text}' for name, text in texts.items())}", flush=True)

"""Training of the spectrogram autoencoder (paper 3): L1 + KL + perceptual + patch-adversarial loss."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from pace.autoencoder.vae import FACTOR, AutoencoderKL, VaeParams, sample, to_images
from pace.autoencoder_training.discriminator import (
    PatchDiscriminator,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
)
from pace.autoencoder_training.perceptual import Lpips
from pace.pipeline.params import choice, limits
from pace.training import accelerate
from pace.training.ema import Ema
from pace.training.learning_rate import learning_rate
from pace.training.resume import Resume

TERMS = ("l1", "kl", "perceptual", "adversarial", "discriminator")
COLUMNS = ("step", "lr", "loss", *TERMS, "adversarial_scale", "val_l1")
EMA_WARMUP = 9  # see Ema
CURVE_CLIPS = 64  # validation clips behind each point of the curve
Progress = Callable[[int, dict], None]


@dataclass(frozen=True)
class TrainVaeParams:
    """Section `train_vae` of params.yaml."""

    steps: int = limits(1)
    batch_size: int = limits(1)
    lr: float = limits(0)
    warmup: int = limits(0)
    weight_decay: float = limits(0)
    max_grad_norm: float = limits(0)
    ema: float = limits(0, 1)
    kl_weight: float = limits(0)
    perceptual_weight: float = limits(0)
    lpips_weights: str
    adversarial_weight: float = limits(0)
    adaptive: bool = choice(True, False)
    discriminator_start: int = limits(0)
    discriminator_width: int = limits(1)
    discriminator_layers: int = limits(1)
    discriminator_lr: float = limits(0)
    eval_every: int = limits(1)
    save_every: int = limits(1)
    seed: int = limits(0, 2**31 - 1)


@dataclass(frozen=True)
class TrainedVae:
    """Weights (averaged ones when `ema` > 0), the training curve (rows of COLUMNS) and the validation scores."""

    state_dict: dict[str, Tensor]
    curve: list[dict[str, float]]
    metrics: dict[str, float]


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence of the posterior from the unit Gaussian, mean over all latent values (nats per value)."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()


def adaptive_scale(reconstruction: Tensor, adversarial: Tensor, last_layer: Tensor) -> Tensor:
    """Ratio of the two losses' gradient norms at the decoder's last layer (Esser et al. 2021), at most 1e4."""
    wanted, have = (
        torch.autograd.grad(loss, last_layer, retain_graph=True)[0] for loss in (reconstruction, adversarial)
    )
    return (wanted.norm() / (have.norm() + 1e-4)).clamp(max=1e4)


@lru_cache(maxsize=2)
def _epoch_order(seed: int, epoch: int, count: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed((seed << 32) + epoch))


def batch_indices(seed: int, step: int, batch: int, count: int) -> Tensor:
    """Indices (batch,) of a step's clips: every clip once per epoch, in an order drawn from seed and epoch alone."""
    positions = range(step * batch, (step + 1) * batch)
    return torch.stack([_epoch_order(seed, p // count, count)[p % count] for p in positions])


class VaeTrainer:
    """The networks, their optimisers and one training step. All randomness after construction is `generator`'s."""

    def __init__(self, vae: VaeParams, params: TrainVaeParams, lpips: Lpips | None, device: torch.device) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(params.seed)
            self.vae = AutoencoderKL(vae).to(device)
            self.discriminator = PatchDiscriminator(params.discriminator_width, params.discriminator_layers).to(device)
        self.params, self.device = params, device
        for network in (self.vae, self.discriminator):
            accelerate.prepare(network, self.device, compiled=False)
        self.lpips = lpips.to(device) if lpips is not None else None
        features = params.perceptual_weight > 0 and lpips is None
        self.uses_discriminator = (
            params.adversarial_weight > 0 or features
        )  # whether the discriminator has a part in the loss
        if self.uses_discriminator and params.discriminator_start >= params.steps:
            raise ValueError(
                f"train_vae.discriminator_start {params.discriminator_start} is not before the last of train_vae.steps "
                f"{params.steps}: the adversarial loss{' and feature matching' if features else ''} would never act; "
                "lower it, or set train_vae.adversarial_weight "
                f"{'and train_vae.perceptual_weight ' if features else ''}to 0"
            )
        self.ema = Ema(self.vae.parameters(), params.ema, EMA_WARMUP)
        decay = {"betas": (0.9, 0.99), "weight_decay": params.weight_decay, "fused": self.device.type == "cuda"}
        self.optimizer = torch.optim.AdamW(self.vae.parameters(), lr=params.lr, **decay)
        self.critic = torch.optim.AdamW(self.discriminator.parameters(), lr=params.discriminator_lr, **decay)
        self.generator = torch.Generator().manual_seed(params.seed)

    def rate(self, step: int, peak: float) -> float:
        return learning_rate(step, peak, self.params.warmup, self.params.steps)

    def terms(self, images: Tensor, noise: Tensor, step: int) -> tuple[dict[str, Tensor], Tensor]:
        """The autoencoder's loss terms, unweighted, and the reconstruction (B,1,256,256).

        l1 and kl always; adversarial from `discriminator_start` on; perceptual from the start by LPIPS, else by
        feature matching from `discriminator_start` on. A term that is not active is not in the dict; where
        no weight needs the discriminator, it is left out with its terms.
        """
        mean, log_variance = self.vae.encode(images)
        output = self.vae.decode(sample(mean, log_variance, noise))
        terms = {"l1": (output - images).abs().mean(), "kl": kl_divergence(mean, log_variance)}
        if self.lpips is not None:
            terms["perceptual"] = self.lpips(images, output).mean()
        if self.uses_discriminator and step >= self.params.discriminator_start:
            self.discriminator.requires_grad_(False)
            score, fake = self.discriminator(output)
            terms["adversarial"] = hinge_generator(score)
            if self.lpips is None:
                with torch.no_grad():
                    real = self.discriminator(images)[1]
                terms["perceptual"] = feature_matching(real, fake)
            self.discriminator.requires_grad_(True)
        return terms, output

    def loss(self, terms: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Weighted sum of the terms, and the factor that the adaptive weighting gave the adversarial one (else 1)."""
        p = self.params
        reconstruction = terms["l1"]
        if "perceptual" in terms:
            reconstruction = reconstruction + p.perceptual_weight * terms["perceptual"]
        total, scale = reconstruction + p.kl_weight * terms["kl"], torch.ones((), device=self.device)
        if "adversarial" in terms:
            if p.adaptive:
                scale = adaptive_scale(reconstruction, terms["adversarial"], self.vae.decoder.conv_out.weight)
            total = total + p.adversarial_weight * scale * terms["adversarial"]
        return total, scale

    def step(self, images: Tensor, step: int) -> dict[str, Tensor]:
        """One update of the autoencoder and, from its start on, of the discriminator. images (B,1,256,256).

        Returns the loss, its active terms and `gradient_norm`, the larger of the two networks'.
        """
        side = images.shape[-1] // FACTOR
        shape = (len(images), self.vae.params.latent_channels, side, side)
        noise = torch.randn(shape, generator=self.generator).to(self.device)
        terms, output = self.terms(images, noise, step)
        loss, scale = self.loss(terms)
        norms = [self._update(self.optimizer, loss, self.rate(step, self.params.lr))]
        self.ema.update(step)
        if "adversarial" in terms:
            real, fake = self.discriminator(torch.cat([images, output.detach()]))[0].chunk(2)
            terms["discriminator"] = hinge_discriminator(real, fake)
            rate = self.rate(step, self.params.discriminator_lr)
            norms.append(self._update(self.critic, terms["discriminator"], rate))
            terms["adversarial_scale"] = scale
        values = {"loss": loss, "gradient_norm": torch.stack(norms).max(), **terms}
        return {key: value.detach() for key, value in values.items()}

    def _update(self, optimizer: torch.optim.Optimizer, loss: Tensor, rate: float) -> Tensor:
        """One step against the loss; the norm of its gradient before clipping."""
        group = optimizer.param_groups[0]
        group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.get_total_norm([p.grad for p in group["params"] if p.grad is not None])
        if self.params.max_grad_norm:
            torch.nn.utils.clip_grads_with_norm_(group["params"], self.params.max_grad_norm, norm)
        optimizer.step()
        return norm

    def state(self) -> dict:
        """Everything that the next step depends on."""
        modules = {"vae": self.vae, "discriminator": self.discriminator}
        optimizers = {"optimizer": self.optimizer, "critic": self.critic}
        states = {name: thing.state_dict() for name, thing in {**modules, **optimizers}.items()}
        return {**states, "ema": self.ema.state(), "generator": self.generator.get_state()}

    def restore(self, state: dict) -> None:
        """Take over a `state()` of a trainer with the same parameters."""
        for name in ("vae", "discriminator", "optimizer", "critic"):
            getattr(self, name).load_state_dict(state[name])
        self.ema.load(state["ema"])
        self.generator.set_state(state["generator"])


@torch.no_grad()
def evaluate(vae: AutoencoderKL, mels: Tensor, batch: int, device: torch.device) -> dict[str, float]:
    """Reconstruction from the posterior mean over mels (N,256,256), output clipped to [0,1].

    val_l1 (image units), val_psnr (dB, of the mean squared error over all clips) and latent_std (of all mean values);
    {} where N is 0.
    """
    if not len(mels):
        return {}
    absolute, squared, means = [], [], []
    for chunk in mels.split(batch):
        images = to_images(chunk.to(device))
        mean, _ = vae.encode(images)
        error = vae.decode(mean).clamp(0, 1) - images
        absolute.append(error.abs().mean(dim=(1, 2, 3)))
        squared.append((error**2).mean(dim=(1, 2, 3)))
        means.append(mean)
    psnr = -10 * torch.cat(squared).mean().clamp_min(1e-12).log10()
    return {
        "val_l1": torch.cat(absolute).mean().item(),
        "val_psnr": psnr.item(),
        "latent_std": torch.cat(means).std().item(),
    }


def train(
    mels: np.ndarray,
    val_mels: np.ndarray,
    vae: VaeParams,
    params: TrainVaeParams,
    lpips: Lpips | None = None,
    resume: Resume | None = None,
    progress: Progress | None = None,
    device: torch.device | str = "cpu",
) -> TrainedVae:
    """Train an autoencoder on mels (N,256,256), uint8 or floating in [0,1], which are kept on `device`.

    val_mels (M,256,256), M may be 0. `progress(step, values)` is called after every logged step with the steps done.
    With `resume` the state is saved every `save_every` steps and an interrupted run goes on from there; on the CPU
    it ends bit-identical to an uninterrupted one. The caller clears it once the results are written.
    Raises ValueError for no clips or a discriminator that would never start, and FloatingPointError when a loss or
    gradient is not finite, with the step, the learning rate and the last saved state.
    """
    if not len(mels):
        raise ValueError("there are no training clips: the mel images of the training split are empty")
    device = torch.device(device)
    trainer = VaeTrainer(vae, params, lpips, device)
    data, validation = torch.from_numpy(mels).to(device), torch.from_numpy(val_mels)
    saved = resume.load() if resume else None
    done, curve, pending = 0, [], []
    if saved:
        trainer.restore(saved["trainer"])
        done, curve = saved["done"], saved["curve"]
        pending = [{key: value.to(device) for key, value in values.items()} for values in saved["pending"]]
        print(f"train_vae goes on from step {done}, saved in {resume.path}", flush=True)
    kept = done
    for step in range(done, params.steps):
        indices = batch_indices(params.seed, step, params.batch_size, len(mels)).to(device)
        pending.append(trainer.step(to_images(data[indices]), step))
        done = step + 1
        log, save = done % params.eval_every == 0 or done == params.steps, resume and done % params.save_every == 0
        if log or save:
            _check_finite(pending, done, trainer, f"step {kept}, in {resume.path}" if kept else "none")
        if log:
            trainer.ema.swap()
            scores = evaluate(trainer.vae, validation[:CURVE_CLIPS], params.batch_size, device)
            trainer.ema.swap()
            curve.append(_row(pending, done, trainer.rate(step, params.lr), scores))
            pending = []
            if progress:
                progress(done, curve[-1])
        if save:
            resume.save({"trainer": trainer.state(), "done": done, "curve": curve, "pending": pending})
            kept = done
    trainer.ema.swap()
    state = {key: value.detach().cpu().clone() for key, value in trainer.vae.state_dict().items()}
    return TrainedVae(state, curve, evaluate(trainer.vae, validation, params.batch_size, device))


def _check_finite(pending: list[dict[str, Tensor]], done: int, trainer: VaeTrainer, last: str) -> None:
    """Look at loss and gradient of the pending steps, before anything that they led to is saved. last: good state."""
    if not pending:
        return
    values = torch.stack([torch.stack([one["loss"], one["gradient_norm"]]) for one in pending]).tolist()
    for step, (loss, norm) in enumerate(values, done - len(pending)):
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise FloatingPointError(
                f"loss {loss}, gradient norm {norm} at step {step}, learning rate "
                f"{trainer.rate(step, trainer.params.lr):.3g}; lower train_vae.lr or train_vae.discriminator_lr, or "
                f"raise train_vae.warmup, with which training starts anew; last good state: {last}"
            )


def _row(pending: list[dict[str, Tensor]], done: int, rate: float, scores: dict[str, float]) -> dict[str, float]:
    """One row of the curve: each term's mean over the steps in which it was active, 0 where it was not."""
    row = {"step": done, "lr": rate}
    for key in ("loss", *TERMS, "adversarial_scale"):
        active = [values[key] for values in pending if key in values]
        row[key] = torch.stack(active).mean().item() if active else 0.0
    return {**row, **({"val_l1": scores["val_l1"]} if scores else {})}

"""One training step of the spectrogram autoencoder (paper 3): L1, KL, flux, perceptual, patch-adversarial loss."""

import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pace.autoencoder.vae import COMPILED, FACTOR, AutoencoderKL, VaeParams, sample
from pace.autoencoder_training.discriminator import (
    PatchDiscriminator,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
)
from pace.autoencoder_training.flux import flux_loss
from pace.autoencoder_training.perceptual import Lpips
from pace.pipeline.params import choice, limits
from pace.training import accelerate
from pace.training.graphs import Recorded
from pace.training.learning_rate import learning_rate
from pace.training.optimiser import Optimiser

TERMS = ("l1", "kl", "flux", "perceptual", "adversarial", "discriminator")
EMA_WARMUP = 9  # see Ema


@dataclass(frozen=True)
class TrainVaeParams:
    """Section `train_vae` of params.yaml."""

    lpips_weights: str
    steps: int = limits(1)
    batch_size: int = limits(1)
    lr: float = limits(0)
    warmup: int = limits(0)
    weight_decay: float = limits(0)
    max_grad_norm: float = limits(0)
    ema: float = limits(0, 1)
    kl_weight: float = limits(0)
    flux_weight: float = limits(0)
    perceptual_weight: float = limits(0)
    adversarial_weight: float = limits(0)
    adaptive: bool = choice(True, False)
    discriminator_start: int = limits(0)
    discriminator_width: int = limits(1)
    discriminator_layers: int = limits(1)
    discriminator_lr: float = limits(0)
    precision: str = choice(*accelerate.PRECISIONS)
    eval_every: int = limits(1)
    save_every: int = limits(1)
    seed: int = limits(0, 2**31 - 1)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence of the posterior from the unit Gaussian, in nats per latent value."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()


def adaptive_scale(reconstruction: Tensor, adversarial: Tensor, last_layer: Tensor) -> Tensor:
    """Ratio of the two losses' gradient norms at the decoder's last layer (Esser et al. 2021), at most 1e4."""
    reconstruction_gradient, adversarial_gradient = (
        torch.autograd.grad(loss, last_layer, retain_graph=True)[0] for loss in (reconstruction, adversarial)
    )
    ratio: Tensor = reconstruction_gradient.float().norm() / (adversarial_gradient.float().norm() + 1e-4)
    return ratio.clamp(max=1e4)


class VaeTrainer:
    """Autoencoder and discriminator with their optimisers. After construction only `generator` draws random numbers.

    The networks compute in the type that `precision` gives; losses and distances are computed in float32.
    Raises ValueError if the discriminator has a part in the loss but starts after the last step.
    """

    def __init__(self, vae: VaeParams, params: TrainVaeParams, lpips: Lpips | None, device: torch.device) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(params.seed)
            self.vae = AutoencoderKL(vae).to(device)
            self.discriminator = PatchDiscriminator(params.discriminator_width, params.discriminator_layers).to(device)
        self.params, self.device = params, device
        matches_features = params.perceptual_weight > 0 and lpips is None
        self.uses_discriminator = params.adversarial_weight > 0 or matches_features
        if self.uses_discriminator and params.discriminator_start >= params.steps:
            raise ValueError(
                f"train_vae.discriminator_start {params.discriminator_start} is not before the last of train_vae.steps "
                f"{params.steps}: the adversarial loss{' and feature matching' if matches_features else ''} would "
                "never act; lower it, or set train_vae.adversarial_weight "
                f"{'and train_vae.perceptual_weight ' if matches_features else ''}to 0"
            )
        self.dtype = accelerate.working_type(device, params.precision)
        self.lpips = copy.deepcopy(lpips).to(device) if lpips is not None else None  # the caller's stays as it is
        accelerate.prepare(self.vae, device, blocks=COMPILED)
        for network in (self.discriminator, self.lpips):
            if network is not None:
                accelerate.prepare(network, device)
        if self.lpips is not None:
            self.lpips.features.to(self.dtype)
        self.optimiser = self._optimiser(self.vae, params.lr, params.ema)
        self.discriminator_optimiser = self._optimiser(self.discriminator, params.discriminator_lr, ema=0.0)
        self.generator = torch.Generator().manual_seed(params.seed)
        self._recorded: Recorded[dict[str, Tensor]] | None = None
        self._kind: tuple[torch.Size, bool] | None = None  # of the recorded steps: shape of images, discriminator

    def _optimiser(self, network: nn.Module, lr: float, ema: float) -> Optimiser:
        return Optimiser(
            network,
            lr=lr,
            weight_decay=self.params.weight_decay,
            max_grad_norm=self.params.max_grad_norm,
            ema=ema,
            ema_warmup=EMA_WARMUP,
            betas=(0.9, 0.99),
            dtype=self.dtype,
            fused=self.device.type == "cuda",
        )

    def learning_rate(self, step: int, peak: float) -> float:
        """The learning rate of a step, counted from 0, for a schedule that rises to `peak`."""
        return learning_rate(step, peak, self.params.warmup, self.params.steps)

    def adversarial(self, step: int) -> bool:
        """Whether the discriminator takes part in a step."""
        return self.uses_discriminator and step >= self.params.discriminator_start

    def terms(self, images: Tensor, noise: Tensor, step: int) -> tuple[dict[str, Tensor], Tensor]:
        """The autoencoder's loss terms, unweighted, and the reconstruction (B,1,256,256).

        A term that is not active at this step is not in the dict:

        - `l1` and `kl` are always active, `flux` where its weight is above 0;
        - `perceptual` is active from the start with LPIPS; without LPIPS it is feature matching, active from
          `discriminator_start` on;
        - `adversarial` is active from `discriminator_start` on.

        If no weight needs the discriminator, its terms are never active.
        """
        mean, log_variance = (moment.float() for moment in self.vae.encode(images))
        output = self.vae.decode(sample(mean, log_variance, noise))
        terms = {"l1": (output.float() - images).abs().mean(), "kl": kl_divergence(mean, log_variance)}
        if self.params.flux_weight > 0:
            terms["flux"] = flux_loss(images, output)
        if self.lpips is not None:
            terms["perceptual"] = self.lpips(images, output).mean()
        if self.adversarial(step):
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
        """Weighted sum of the terms, and the adaptive factor of the adversarial term (1 if there is none)."""
        p = self.params
        reconstruction = terms["l1"]
        if "flux" in terms:
            reconstruction = reconstruction + p.flux_weight * terms["flux"]
        if "perceptual" in terms:
            reconstruction = reconstruction + p.perceptual_weight * terms["perceptual"]
        total, scale = reconstruction + p.kl_weight * terms["kl"], torch.ones((), device=self.device)
        if "adversarial" in terms:
            if p.adaptive:
                scale = adaptive_scale(reconstruction, terms["adversarial"], self.vae.decoder.conv_out.weight)
            total = total + p.adversarial_weight * scale * terms["adversarial"]
        return total, scale

    def step(self, images: Tensor, step: int) -> dict[str, Tensor]:
        """Update the autoencoder on images (B,1,256,256), and the discriminator once it has started.

        Returns the loss, its active terms and `gradient_norm`, the larger norm of the two networks. On a GPU the step
        is recorded as a CUDA graph, anew once the discriminator starts.
        """
        side = images.shape[-1] // FACTOR
        shape = (len(images), self.vae.params.latent_channels, side, side)
        noise = torch.randn(shape, generator=self.generator)
        kind = (images.shape, self.adversarial(step))
        if self._recorded is None or self._kind != kind:
            self._kind, self._recorded = kind, None  # frees the memory of the graph so far
            self._images = torch.empty_like(images, device=self.device)
            self._noise = torch.empty(shape, device=self.device)
            self._recorded = Recorded(partial(self._update, self._images, self._noise, step), self.device)
        self._images.copy_(images)
        self._noise.copy_(noise, non_blocking=True)
        self.optimiser.schedule(step, self.learning_rate(step, self.params.lr))
        self.discriminator_optimiser.schedule(step, self.learning_rate(step, self.params.discriminator_lr))
        with accelerate.differentiated_twice():  # by `adaptive_scale`
            values = self._recorded()
        # Stacked into a tensor of its own: the next replay of the graph overwrites its results.
        return dict(zip(values, torch.stack(list(values.values())).unbind(), strict=True))

    def _update(self, images: Tensor, noise: Tensor, step: int) -> dict[str, Tensor]:
        """Losses, gradients and updates of both networks; `step` tells only whether the discriminator has started."""
        self.optimiser.forget()
        self.discriminator_optimiser.forget()
        terms, output = self.terms(images, noise, step)
        loss, scale = self.loss(terms)
        torch.autograd.backward(loss)
        norms = [_descend(self.optimiser)]
        if self.adversarial(step):
            real, fake = self.discriminator(torch.cat([images, output.detach()]))[0].chunk(2)
            terms["discriminator"] = hinge_discriminator(real, fake)
            torch.autograd.backward(terms["discriminator"])
            norms.append(_descend(self.discriminator_optimiser))
            terms["adversarial_scale"] = scale
        values = {"loss": loss, "gradient_norm": torch.stack(norms).max(), **terms}
        return {key: value.detach() for key, value in values.items()}

    def swap(self) -> None:
        """Exchange the autoencoder's weights and their averages; a second call undoes it."""
        self.optimiser.swap()

    def release(self) -> None:
        """End the training: both networks get float32 weights of their own."""
        self._recorded = None
        self.optimiser.release()
        self.discriminator_optimiser.release()

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "vae": self.optimiser.state(),
            "discriminator": self.discriminator_optimiser.state(),
            "generator": self.generator.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over the `state()` of a trainer with the same parameters."""
        self.optimiser.load(state["vae"])
        self.discriminator_optimiser.load(state["discriminator"])
        self.generator.set_state(state["generator"])


def _descend(optimiser: Optimiser) -> Tensor:
    """Update a network by the gradients that `backward` has left in it. Returns their norm before clipping."""
    optimiser.collect()
    return optimiser.update()

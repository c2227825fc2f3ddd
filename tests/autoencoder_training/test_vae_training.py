import dataclasses

import numpy as np
import pytest
import torch
from helpers.small_vae_training import CPU, PARAMS, VAE, images, mels, random_lpips

from pace.autoencoder_training import vae_trainer, vae_training
from pace.autoencoder_training.vae_trainer import VaeTrainer
from pace.autoencoder_training.vae_training import train
from pace.training.resume import Resume


def test_kl_of_known_gaussians():
    mean, log_variance = torch.tensor([0.0, 1.0]), torch.tensor([0.0, np.log(4.0)])
    # N(0,1): 0; N(1,4): (1 + 4 - 1 - ln 4) / 2
    assert vae_trainer.kl_divergence(mean, log_variance).item() == pytest.approx((4 - np.log(4)) / 4, abs=1e-6)
    wanted = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (log_variance / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    ).mean()
    torch.testing.assert_close(vae_trainer.kl_divergence(mean, log_variance), wanted.to(mean.dtype), check_dtype=False)


def test_every_clip_comes_once_per_epoch_also_across_batches():
    drawn = torch.cat([vae_training.batch_indices(1, step, 4, 10) for step in range(5)]).tolist()
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))
    assert drawn[:10] != drawn[10:]
    assert torch.equal(vae_training.batch_indices(1, 3, 4, 10), torch.tensor(drawn[12:16]))
    assert len(vae_training.batch_indices(1, 0, 7, 3)) == 7


def gradient(trainer, loss):
    grads = torch.autograd.grad(loss, list(trainer.vae.parameters()), retain_graph=True, allow_unused=True)
    return {
        name: 0.0 if grad is None else grad.norm().item()
        for (name, _), grad in zip(trainer.vae.named_parameters(), grads, strict=True)
    }


@pytest.mark.parametrize("with_lpips", [False, True])
def test_every_term_reaches_the_weights_after_the_start_and_the_adversarial_one_not_before(with_lpips):
    trainer = VaeTrainer(VAE, PARAMS, random_lpips() if with_lpips else None, CPU)
    noise = torch.randn(2, 2, 8, 8)
    before, _ = trainer.terms(images(), noise, PARAMS.discriminator_start - 1)
    assert set(before) == ({"l1", "kl", "flux", "perceptual"} if with_lpips else {"l1", "kl", "flux"})
    after, _ = trainer.terms(images(), noise, PARAMS.discriminator_start)
    assert set(after) == {"l1", "kl", "flux", "perceptual", "adversarial"}
    for name, term in after.items():
        norms = gradient(trainer, term)
        assert norms["encoder.conv_in.weight"] > 0, name
        assert (norms["decoder.conv_out.weight"] > 0) == (name != "kl"), name
    # and each moves the whole loss by its weight
    total, scale = trainer.loss(after)
    expected = after["l1"] + 1e-3 * after["kl"] + 2.0 * after["flux"] + 0.5 * after["perceptual"]
    expected = expected + 0.1 * scale.detach() * after["adversarial"]
    torch.testing.assert_close(total, expected)


def test_before_its_start_the_discriminator_is_neither_used_nor_trained():
    trainer = VaeTrainer(VAE, PARAMS, None, CPU)
    start = {key: value.clone() for key, value in trainer.discriminator.state_dict().items()}
    calls = []
    trainer.discriminator.register_forward_hook(lambda *_: calls.append(1))
    terms = trainer.step(images(), 1)
    assert set(terms) == {"loss", "gradient_norm", "l1", "kl", "flux"} and not calls
    terms = trainer.step(images(), 2)
    assert set(terms) == {"loss", "gradient_norm", *vae_trainer.TERMS, "adversarial_scale"} and calls
    assert any(not torch.equal(value, start[key]) for key, value in trainer.discriminator.state_dict().items())


def test_adaptive_scale_is_the_ratio_of_gradient_norms():
    layer = torch.nn.Parameter(torch.tensor([1.0, 1.0]))
    scale = vae_trainer.adaptive_scale((3 * layer).sum(), (0.5 * layer).sum(), layer)
    assert scale.item() == pytest.approx(6.0, rel=1e-3)
    assert vae_trainer.adaptive_scale((3 * layer).sum(), (0 * layer).sum(), layer).item() == 1e4
    trainer = VaeTrainer(VAE, dataclasses.replace(PARAMS, adaptive=False), None, CPU)
    terms, _ = trainer.terms(images(), torch.zeros(2, 2, 8, 8), 2)
    assert trainer.loss(terms)[1].item() == 1.0


@pytest.mark.parametrize("with_lpips", [False, True])
def test_adaptive_scale_compares_what_is_reconstructed_with_the_adversarial_loss_at_the_last_layer(with_lpips):
    trainer = VaeTrainer(VAE, PARAMS, random_lpips() if with_lpips else None, CPU)
    terms, _ = trainer.terms(images(), torch.randn(2, 2, 8, 8), PARAMS.discriminator_start)
    wanted = gradient(trainer, terms["l1"] + 2.0 * terms["flux"] + PARAMS.perceptual_weight * terms["perceptual"])
    have = gradient(trainer, terms["adversarial"])
    ratio = wanted["decoder.conv_out.weight"] / (have["decoder.conv_out.weight"] + 1e-4)
    assert trainer.loss(terms)[1].item() == pytest.approx(ratio, rel=1e-4)


def test_the_discriminator_stays_out_where_no_weight_needs_it():
    """LPIPS does not; without it the perceptual loss is feature matching."""
    params = dataclasses.replace(PARAMS, adversarial_weight=0.0)
    terms = VaeTrainer(VAE, params, random_lpips(), CPU).step(images(), 2)
    assert set(terms) == {"loss", "gradient_norm", "l1", "kl", "flux", "perceptual"}
    assert "discriminator" in VaeTrainer(VAE, params, None, CPU).step(images(), 2)
    without = dataclasses.replace(params, perceptual_weight=0.0, flux_weight=0.0)
    assert set(VaeTrainer(VAE, without, None, CPU).step(images(), 2)) == {"loss", "gradient_norm", "l1", "kl"}


def test_a_discriminator_that_never_starts_is_refused():
    late = dataclasses.replace(PARAMS, discriminator_start=6)
    with pytest.raises(ValueError, match=r"discriminator_start 6 .*steps 6: .* and feature matching would never act"):
        train(mels(2), mels(0), VAE, late)
    with pytest.raises(ValueError, match=r"adversarial loss would never act; .* train_vae.adversarial_weight to 0"):
        train(mels(2), mels(0), VAE, late, random_lpips())
    train(mels(2), mels(0), VAE, dataclasses.replace(late, adversarial_weight=0.0, perceptual_weight=0.0))


def test_training_is_the_loop_written_out_here():
    """AdamW for both networks, rates, posterior samples, clipping and averages; the curve is that of the averages."""
    p = dataclasses.replace(PARAMS, steps=4, eval_every=4, weight_decay=0.5, max_grad_norm=0.05, ema=0.3)
    data, val = mels(4), mels(2, seed=1)
    own = VaeTrainer(VAE, p, None, CPU)
    networks = own.vae, own.discriminator
    optimisers = [torch.optim.AdamW(net.parameters(), betas=(0.9, 0.99), weight_decay=0.5) for net in networks]
    averages = [weight.detach().clone() for weight in own.vae.parameters()]
    generator, norms = torch.Generator().manual_seed(p.seed), []
    for step in range(4):
        batch = torch.from_numpy(data)[vae_training.batch_indices(p.seed, step, 2, 4)].unsqueeze(1) / 255.0
        terms, output = own.terms(batch, torch.randn((2, 2, 8, 8), generator=generator), step)
        losses = [own.loss(terms)[0]]
        if step >= p.discriminator_start:
            scores = own.discriminator(batch)[0], own.discriminator(output.detach())[0]
            losses.append(0.5 * (torch.relu(1 - scores[0]).mean() + torch.relu(1 + scores[1]).mean()))
        gradients = [torch.autograd.grad(loss, list(networks[i].parameters())) for i, loss in enumerate(losses)]
        for i, network_gradients in enumerate(gradients):
            norms.append(torch.cat([part.flatten() for part in network_gradients]).norm().item())
            for weight, part in zip(networks[i].parameters(), network_gradients, strict=True):
                weight.grad = part * min(1.0, 0.05 / norms[-1])
            optimisers[i].param_groups[0]["lr"] = 1e-3 * (0.5, 1.0, 1.0, 0.5)[step]
            optimisers[i].step()
        decay = min(0.3, (1 + step) / (10 + step))
        for mean, weight in zip(averages, own.vae.parameters(), strict=True):
            mean.lerp_(weight.detach(), 1 - decay)
    assert min(norms) > 0.05  # every step was clipped
    trained = train(data, val, VAE, p)
    for (name, last), mean in zip(own.vae.named_parameters(), averages, strict=True):
        torch.testing.assert_close(trained.state_dict[name], mean, atol=2e-6, rtol=1e-4)
        last.data.copy_(mean)
    scores = vae_training.evaluate(own.vae, torch.from_numpy(val), 2, CPU)
    assert trained.curve[-1]["val_l1"] == pytest.approx(scores["val_l1"], rel=1e-5) == trained.metrics["val_l1"]


def test_the_adversarial_game_learns_to_tell_real_from_reconstructed():
    trainer = VaeTrainer(VAE, dataclasses.replace(PARAMS, steps=1000, lr=0.0), None, CPU)
    batch = images(4)[:, :, ::2, ::2]
    losses = [trainer.step(batch, step)["discriminator"].item() for step in range(2, 22)]
    assert losses[0] > 0.8 and losses[-1] < 0.3


@pytest.mark.long
def test_training_lowers_the_validation_error():
    params = dataclasses.replace(
        PARAMS, steps=120, batch_size=4, lr=1e-2, ema=0.0, discriminator_start=80, eval_every=20, perceptual_weight=0.1
    )
    data, val = mels(16, size=32), mels(2, seed=1, size=32)
    result = train(data, val, VAE, params)
    errors = [row["val_l1"] for row in result.curve]
    constant = np.abs(val / 255.0 - np.median(data) / 255.0).mean()  # the best that ignores its input
    assert errors[-1] < 0.7 * constant and errors[-1] < errors[0]
    assert result.metrics["val_l1"] == errors[-1]
    assert [row["step"] for row in result.curve] == [20, 40, 60, 80, 100, 120]
    assert [row["adversarial"] == 0 for row in result.curve] == [True] * 4 + [False] * 2
    assert result.curve[-1]["discriminator"] > 0


def test_scores_of_a_known_reconstruction():
    vae = torch.nn.Module()
    vae.encode = lambda x: (x[:, :, ::8, ::8], None)
    vae.decode = lambda z: torch.full((len(z), 1, 16, 16), 0.3)
    stored = np.zeros((3, 16, 16), np.float16)
    stored[:, 8:] = 0.5
    scores = vae_training.evaluate(vae, torch.from_numpy(stored), 2, CPU)
    assert scores["val_l1"] == pytest.approx((0.3 + 0.2) / 2)
    assert scores["val_psnr"] == pytest.approx(-10 * np.log10((0.09 + 0.04) / 2))
    assert scores["latent_std"] == pytest.approx(np.std([0, 0.5] * 6, ddof=1), abs=1e-6)


def test_a_resumed_run_ends_as_an_uninterrupted_one(tmp_path):
    data, val = mels(5), mels(2, seed=1)
    whole = train(data, val, VAE, PARAMS)
    resume = Resume(tmp_path)

    class Killed(Exception):
        pass

    def stop(done, _):
        if done == 4:
            raise Killed

    with pytest.raises(Killed):
        train(data, val, VAE, PARAMS, resume=resume, progress=stop)
    assert resume.load()["done"] == 3
    torch.rand(7)  # the global generator must not matter
    seen = []
    again = train(data, val, VAE, PARAMS, resume=resume, progress=lambda done, _: seen.append(done))
    assert seen == [4, 6]  # went on from step 3, did not start over
    assert again.curve == whole.curve and again.metrics == whole.metrics
    for key, value in whole.state_dict.items():
        assert torch.equal(value, again.state_dict[key]), key


def test_averages_of_the_weights_are_returned():
    last = train(mels(2), mels(0), VAE, dataclasses.replace(PARAMS, ema=0.0)).state_dict
    averaged = train(mels(2), mels(0), VAE, PARAMS).state_dict
    key = "encoder.conv_in.weight"
    assert not torch.equal(last[key], averaged[key])
    trainer = VaeTrainer(VAE, dataclasses.replace(PARAMS, ema=0.0), None, CPU)
    for step in range(PARAMS.steps):
        trainer.step(images()[vae_training.batch_indices(5, step, 2, 2)], step)
    torch.testing.assert_close(last[key], trainer.vae.state_dict()[key], atol=1e-6, rtol=1e-5)


def test_without_validation_clips_there_are_no_scores():
    result = train(mels(2), mels(0), VAE, PARAMS)
    assert result.metrics == {} and all("val_l1" not in row for row in result.curve)


def test_a_loss_that_is_not_finite_stops_with_step_and_rate():
    data = mels(2).astype(np.float32) / 255
    data[0, 0, 0] = np.nan
    with pytest.raises(FloatingPointError, match=r"loss nan, .* at step 0, learning rate 0\.0005; .*good state: none"):
        train(data, mels(0), VAE, PARAMS)


@pytest.mark.parametrize(("spoilt", "saved"), [(2, None), (4, 3), (5, 3)])
def test_a_gradient_that_is_not_finite_stops_and_leaves_the_last_good_state(tmp_path, monkeypatch, spoilt, saved):
    """At the step before a save (2 of 3), in between, and at the very last step; the loss is finite in all."""
    plain = VaeTrainer.loss
    steps = iter(range(PARAMS.steps))

    def loss(trainer, terms):
        total, scale = plain(trainer, terms)
        if next(steps) == spoilt:
            trainer.vae.decoder.conv_out.weight.register_hook(lambda grad: grad * np.inf)
        return total, scale

    monkeypatch.setattr(VaeTrainer, "loss", loss)
    resume = Resume(tmp_path)
    last = f"step {saved}, in .*state.pt" if saved else "none"
    with pytest.raises(FloatingPointError, match=rf"gradient norm (inf|nan) at step {spoilt}, .*good state: {last}"):
        train(mels(2), mels(0), VAE, PARAMS, resume=resume)
    state = resume.load()
    assert (state and state["done"]) == saved
    assert not state or all(
        bool(weight.isfinite().all())
        for weight in [state["trainer"]["vae"]["weights"], state["trainer"]["discriminator"]["weights"]]
    )


def test_no_clips_is_an_error():
    with pytest.raises(ValueError, match="no training clips"):
        train(mels(0), mels(0), VAE, PARAMS)

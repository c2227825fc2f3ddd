"""Cross-attention over a single token against plain attention over two copies of it."""

import torch

from pace.diffusion.attention import TransformerBlock


def run(block, x, context):
    block.zero_grad()
    out = block(x, context)
    (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
    return out.detach(), {name: weights.grad.clone() for name, weights in block.named_parameters()}


def make():
    torch.manual_seed(0)
    block = TransformerBlock(16, heads=4, context_width=6)
    for weights in block.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    return block, torch.randn(2, 9, 16), torch.randn(2, 1, 6)


def test_one_token_is_plain_attention_with_its_gradients():
    block, x, context = make()
    out, gradients = run(block, x, context)
    plain, expected = run(block, x, context.expand(-1, 2, -1))  # two equal keys: the plain way, the same values
    torch.testing.assert_close(out, plain, atol=1e-5, rtol=1e-5)
    for name, gradient in expected.items():
        torch.testing.assert_close(
            gradients[name], gradient, atol=1e-3, rtol=1e-4, msg=lambda text, n=name: f"{n}: {text}"
        )


def test_weights_without_influence_have_gradients_of_zero():
    """Not none, which the optimiser would pass over and DDP would wait for."""
    block, x, context = make()
    _, gradients = run(block, x, context)
    idle = {"norm2.weight", "norm2.bias", "attn2.to_q.weight", "attn2.to_k.weight"}
    assert {name for name, gradient in gradients.items() if not gradient.any()} == idle


def test_the_token_acts_and_damaged_queries_do_not():
    block, x, context = make()
    out = block(x, context)
    assert (block(x, context + 1) - out).abs().max() > 0.1
    with torch.no_grad():
        block.attn2.to_q.weight.fill_(float("nan"))
    assert torch.equal(block(x, context), out)

"""The tensor floor: what learns.

Symbols, used in every module below (paper: arXiv 2405.14021)::

    B            series in a batch
    T            time steps of a series, indexed by t
    C            channels
    K            width of the latent, or of a flattened series where that is diffused
    P            width of the condition
    H            width of the hidden features
    L            number of diffusion levels; `level` runs from 0 (clean) to L (noise)
    x            (B, T, C) series, standardised per channel; NaN where one is missing
    condition    (B, P) class, static variables and length; zeros where not known
    prefix       (B, T, C) the series delayed by one step: zeros, x_1, ..., x_{T-1}
    previous     (B, T, C) the same, NaN where nothing is known
    past         the value and the change just before a step, (..., C) each
    h            (B, T, H) features of the decoder, h_t from z and x_1 ... x_{t-1}
    z0           (B, K) clean latent, the start of the diffusion process
    z_level      (B, K) latent after `level` forward steps
    alpha_bar    share of the signal's variance kept at a level, 1 at level 0
    eps          standard normal noise, always drawn by the caller

Modules draw no randomness except dropout masks, which come from the
`torch.Generator` handed to `forward`; nothing reads or seeds a global generator.
"""

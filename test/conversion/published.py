# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The papers' networks with the parameter names of the authors' repositories.

Written from the layer-level descriptions, apart from rtseg_ros.networks: converting their weights
and getting the same logits checks the key maps and our networks at once.
"""

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F


def named(**parts):
    return nn.Sequential(OrderedDict(parts))


def conv_bn_relu(conv, channels):
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU())


class ResidualBlock(nn.Module):
    def __init__(self, i, o, stride, levels=0):
        super().__init__()

        def norm():
            if levels:
                return nn.ModuleList(nn.BatchNorm2d(o) for _ in range(levels))
            return nn.BatchNorm2d(o)

        self.conv1 = nn.Conv2d(i, o, 3, stride, 1, bias=False)
        self.bn1 = norm()
        self.conv2 = nn.Conv2d(o, o, 3, 1, 1, bias=False)
        self.bn2 = norm()
        self.downsample = None
        if stride > 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o)
            )

    def before_relu(self, x, bn1, bn2):
        y = bn2(self.conv2(F.relu(bn1(self.conv1(x)))))
        return y + (x if self.downsample is None else self.downsample(x))

    def forward(self, x):
        return F.relu(self.before_relu(x, self.bn1, self.bn2))


class LinkNet(nn.Module):
    """pytorch-linknet: ``LinkNetBase``, or with trunk=True its class on torchvision's trunk."""

    def __init__(self, classes, *, trunk):
        super().__init__()
        stem = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        if trunk:
            self.in_block = nn.Sequential(*stem, nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        else:
            self.conv1, self.bn1 = stem
        inputs, outputs, strides = (64, 64, 128, 256), (64, 128, 256, 512), (1, 2, 2, 2)
        for n, (i, o, s) in enumerate(zip(inputs, outputs, strides, strict=True), start=1):
            blocks = ResidualBlock(i, o, s), ResidualBlock(o, o, 1)
            both = nn.Sequential(*blocks) if trunk else named(block1=blocks[0], block2=blocks[1])
            self.add_module(f'encoder{n}', both)
            m = o // 4
            up = nn.ConvTranspose2d(m, m, 3, s, 1, s - 1, bias=False)
            self.add_module(
                f'decoder{n}',
                named(
                    conv1=conv_bn_relu(nn.Conv2d(o, m, 1, bias=False), m),
                    tp_conv=conv_bn_relu(up, m),
                    conv2=conv_bn_relu(nn.Conv2d(m, i, 1, bias=False), i),
                ),
            )
        self.tp_conv1 = conv_bn_relu(nn.ConvTranspose2d(64, 32, 3, 2, 1, 1), 32)
        self.conv2 = conv_bn_relu(nn.Conv2d(32, 32, 3, 1, 1), 32)
        self.tp_conv2 = nn.ConvTranspose2d(32, classes, 2, 2)
        self.trunk = trunk

    def forward(self, x):
        if self.trunk:
            x = self.in_block(x)
        else:
            x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        e1 = self.encoder1(x)
        e2 = self.encoder2(e1)
        e3 = self.encoder3(e2)
        d4 = e3 + self.decoder4(self.encoder4(e3))
        d3 = e2 + self.decoder3(d4)
        d2 = e1 + self.decoder2(d3)
        d1 = x + self.decoder1(d2)
        return self.tp_conv2(self.conv2(self.tp_conv1(d1)))


class Down(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.conv = nn.Conv2d(i, o - i, 3, 2, 1)
        self.bn = nn.BatchNorm2d(o, eps=1e-3)

    def forward(self, x):
        return F.relu(self.bn(torch.cat([self.conv(x), F.max_pool2d(x, 2)], 1)))


def tall(c, k=3, d=1):
    return nn.Conv2d(c, c, (k, 1), padding=(k // 2 * d, 0), dilation=(d, 1))


def wide(c, k=3, d=1):
    return nn.Conv2d(c, c, (1, k), padding=(0, k // 2 * d), dilation=(1, d))


class SplitShuffle(nn.Module):
    def __init__(self, c, d):
        super().__init__()
        c //= 2
        for side in 'lr':
            for step, dilation in ((1, 1), (2, d)):
                self.add_module(f'conv3x1_{step}_{side}', tall(c, d=dilation))
                self.add_module(f'conv1x3_{step}_{side}', wide(c, d=dilation))
                self.add_module(f'bn{step}_{side}', nn.BatchNorm2d(c, eps=1e-3))

    def forward(self, x):
        n, c, h, w = x.shape
        a, b = x[:, : c // 2], x[:, c // 2 :]
        a = self.bn1_l(self.conv1x3_1_l(F.relu(self.conv3x1_1_l(a))))
        a = self.bn2_l(self.conv1x3_2_l(F.relu(self.conv3x1_2_l(F.relu(a)))))
        b = self.bn1_r(self.conv3x1_1_r(F.relu(self.conv1x3_1_r(b))))
        b = self.bn2_r(self.conv3x1_2_r(F.relu(self.conv1x3_2_r(F.relu(b)))))
        y = F.relu(x + torch.cat([a, b], 1))
        return y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class ConvBnRelu(nn.Module):
    def __init__(self, i, o, k, s=1):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(i, o, k, s, k // 2), nn.BatchNorm2d(o, eps=1e-3), nn.ReLU()
        )

    def forward(self, x):
        return self.conv(x)


class Apn(nn.Module):
    def __init__(self, c, classes):
        super().__init__()
        self.branch1 = nn.Sequential(nn.AdaptiveAvgPool2d(1), ConvBnRelu(c, classes, 1))
        self.mid = nn.Sequential(ConvBnRelu(c, classes, 1))
        self.down1 = ConvBnRelu(c, 1, 7, 2)
        self.down2 = ConvBnRelu(1, 1, 5, 2)
        self.down3 = nn.Sequential(ConvBnRelu(1, 1, 3, 2), ConvBnRelu(1, 1, 3))
        self.conv2 = ConvBnRelu(1, 1, 5)
        self.conv1 = ConvBnRelu(1, 1, 7)

    def forward(self, x):
        h, w = x.shape[2:]

        def up(y, part):
            return F.interpolate(y, (h // part, w // part), mode='bilinear', align_corners=True)

        x1 = self.down1(x)
        x2 = self.down2(x1)
        t = up(self.down3(x2), 4) + self.conv2(x2)
        t = up(t, 2) + self.conv1(x1)
        return up(t, 1) * self.mid(x) + self.branch1(x)


class LedNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        layers = [SplitShuffle(32, 1) for _ in range(3)] + [Down(32, 64)]
        layers += [SplitShuffle(64, 1) for _ in range(2)] + [Down(64, 128)]
        layers += [SplitShuffle(128, d) for d in (1, 2, 5, 9, 2, 5, 9, 17)]
        self.encoder = named(
            initial_block=Down(3, 32),
            layers=nn.Sequential(*layers),
            output_conv=nn.Conv2d(128, classes, 1),
        )
        self.decoder = named(apn=Apn(128, classes))

    def forward(self, x):
        size = x.shape[2:]
        x = self.decoder(self.encoder.layers(self.encoder.initial_block(x)))
        return F.interpolate(x, size, mode='bilinear', align_corners=True)


class Fcu(nn.Module):
    def __init__(self, c, k):
        super().__init__()
        self.conv3x1_1, self.conv1x3_1 = tall(c, k), wide(c, k)
        self.bn1 = nn.BatchNorm2d(c, eps=1e-3)
        self.conv3x1_2, self.conv1x3_2 = tall(c, k), wide(c, k)
        self.bn2 = nn.BatchNorm2d(c, eps=1e-3)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1x3_1(F.relu(self.conv3x1_1(x)))))
        return F.relu(x + self.bn2(self.conv1x3_2(F.relu(self.conv3x1_2(y)))))


class Pfcu(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv3x1_1, self.conv1x3_1 = tall(c), wide(c)
        self.bn1 = nn.BatchNorm2d(c, eps=1e-3)
        for d in (2, 5, 9):
            self.add_module(f'conv3x1_2{d}', tall(c, d=d))
            self.add_module(f'conv1x3_2{d}', wide(c, d=d))
        self.bn2 = nn.BatchNorm2d(c, eps=1e-3)

    def forward(self, x):
        z = F.relu(self.bn1(self.conv1x3_1(F.relu(self.conv3x1_1(x)))))
        y2 = self.bn2(self.conv1x3_22(F.relu(self.conv3x1_22(z))))
        y5 = self.bn2(self.conv1x3_25(F.relu(self.conv3x1_25(z))))
        y9 = self.bn2(self.conv1x3_29(F.relu(self.conv3x1_29(z))))
        return F.relu(x + y2 + y5 + y9)


class EsUp(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.conv = nn.ConvTranspose2d(i, o, 3, 2, 1, 1)
        self.bn = nn.BatchNorm2d(o, eps=1e-3)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class EsNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        layers = [Fcu(16, 3) for _ in range(3)] + [Down(16, 64)] + [Fcu(64, 5) for _ in range(2)]
        layers += [Down(64, 128)] + [Pfcu(128) for _ in range(3)]
        self.encoder = named(initial_block=Down(3, 16), layers=nn.Sequential(*layers))
        layers = [EsUp(128, 64), Fcu(64, 5), Fcu(64, 5), EsUp(64, 16), Fcu(16, 3), Fcu(16, 3)]
        self.decoder = named(
            layers=nn.Sequential(*layers), output_conv=nn.ConvTranspose2d(16, classes, 2, 2)
        )
        self.encoder_output_conv = nn.Conv2d(128, classes, 1)

    def forward(self, x):
        return self.decoder(self.encoder(x))


def pre_activated(i, o, k, bias=False):
    return named(
        norm=nn.BatchNorm2d(i), relu=nn.ReLU(), conv=nn.Conv2d(i, o, k, padding=k // 2, bias=bias)
    )


def enlarged(x, like):
    return F.interpolate(x, like.shape[2:], mode='bilinear', align_corners=False)


class SwiftBackbone(nn.Module):
    """ResNet-18 with the statistics of the image; ``taps`` are taken before the last ReLU."""

    def __init__(self, levels=0):
        super().__init__()
        self.register_buffer('img_mean', torch.tensor([73.15, 82.90, 72.3]).view(1, 3, 1, 1))
        self.register_buffer('img_std', torch.tensor([47.67, 48.49, 47.73]).view(1, 3, 1, 1))
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        norms = [nn.BatchNorm2d(64) for _ in range(max(levels, 1))]
        self.bn1 = nn.ModuleList(norms) if levels else norms[0]
        i = 64
        for n, (o, stride) in enumerate(((64, 1), (128, 2), (256, 2), (512, 2)), start=1):
            blocks = ResidualBlock(i, o, stride, levels), ResidualBlock(o, o, 1, levels)
            self.add_module(f'layer{n}', nn.Sequential(*blocks))
            i = o

    def taps(self, x, level=None):
        def pick(norm):
            return norm if level is None else norm[level]

        x = F.max_pool2d(F.relu(pick(self.bn1)(self.conv1(x))), 3, 2, 1)
        taps = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in layer:
                tap = block.before_relu(x, pick(block.bn1), pick(block.bn2))
                x = F.relu(tap)
            taps.append(tap)
        return taps


class SwiftNet(nn.Module):
    """Takes RGB in 0..255, as the authors' does."""

    def __init__(self, classes):
        super().__init__()
        self.backbone = SwiftBackbone()
        parts = {'spp_bn': pre_activated(512, 128, 1)}
        parts |= {f'spp{i}': pre_activated(128, 42, 1) for i in range(3)}
        parts['spp_fuse'] = pre_activated(254, 128, 1)
        self.backbone.spp = named(spp=named(**parts))
        self.backbone.upsample = nn.ModuleList(
            named(bottleneck=pre_activated(c, 128, 1), blend_conv=pre_activated(128, 128, 3))
            for c in (256, 128, 64)
        )
        self.logits = pre_activated(128, classes, 1, bias=True)

    def forward(self, image):
        x = (image - self.backbone.img_mean) / self.backbone.img_std
        *skips, x = self.backbone.taps(x)
        spp = self.backbone.spp.spp
        x = spp.spp_bn(x)
        ratio = x.shape[3] / x.shape[2]
        levels = [x]
        for grid, level in ((8, spp.spp0), (4, spp.spp1), (2, spp.spp2)):
            pooled = F.adaptive_avg_pool2d(x, (grid, max(1, round(grid * ratio))))
            levels.append(enlarged(level(pooled), x))
        x = spp.spp_fuse(torch.cat(levels, 1))
        for up, skip in zip(self.backbone.upsample, reversed(skips), strict=True):
            skip = up.bottleneck(skip)
            x = up.blend_conv(enlarged(x, skip) + skip)
        return enlarged(self.logits(x), image)


class SwiftNetSum(nn.Module):
    """The later pyramid of the same repository: three scales, sums. RGB in 0..255."""

    def __init__(self, classes):
        super().__init__()
        self.backbone = SwiftBackbone(levels=3)
        self.backbone.upsample_bottlenecks = nn.ModuleList(
            nn.Conv2d(c, 128, 1, bias=False) for c in (512, 256, 128, 64)
        )
        self.backbone.upsample_blends = nn.ModuleList(
            named(blend_conv=pre_activated(128, 128, 3)) for _ in range(5)
        )
        self.logits = pre_activated(128, classes, 1, bias=True)

    def forward(self, image):
        x = (image - self.backbone.img_mean) / self.backbone.img_std
        sums = {}
        for level in range(3):
            scaled = F.interpolate(x, scale_factor=0.5**level, mode='bicubic') if level else x
            for n, tap in enumerate(self.backbone.taps(scaled, level)):
                narrow = self.backbone.upsample_bottlenecks[3 - n](tap)
                sums[n + level] = sums.get(n + level, 0) + narrow
        y = sums[5]
        for n, blend in zip((4, 3, 2, 1, 0), self.backbone.upsample_blends, strict=True):
            y = blend.blend_conv(enlarged(y, sums[n]) + sums[n])
        return enlarged(self.logits(y), image)

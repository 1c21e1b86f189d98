"""DistBelief's Downpour SGD (Dean et al., NIPS 2012) on TensorFlow."""

from distbelief.config import default_config
from distbelief.run import train

__all__ = ['__version__', 'default_config', 'train']
__version__ = '0.1.0'

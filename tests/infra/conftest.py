from tests.aws_models import share_models
from tests.providerkit.sdk import load_sdk

share_models()
load_sdk()

# Terraform with the provider of Huawei Cloud against the emulator, in its default open mode.
terraform {
  required_providers {
    huaweicloud = {
      source = "huaweicloud/huaweicloud"
    }
  }
}

provider "huaweicloud" {
  region     = "local"
  access_key = "any"
  secret_key = "any"
  insecure   = true
  endpoints = {
    iam       = "http://127.0.0.1:8765"
    modelarts = "http://127.0.0.1:8765"
    obs       = "http://127.0.0.1:8765"
  }
}

resource "huaweicloud_modelarts_dataset" "pets" {
  name        = "pets"
  type        = 0
  output_path = "/my-bucket/out/"
  data_source {
    path = "/my-bucket/in/"
  }
}

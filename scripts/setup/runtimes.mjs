/**
 * The runtimes that an engine may stand on, as data: which libraries each is, and the wheels that they come in.
 *
 * A wheel is one for Python 3.11: the Python version does not matter, for only libraries are unpacked, which export the
 * whole C API.
 */
import { platform } from "node:os";

/**
 * @typedef {object} Wheel
 * @property {string} project name in the package index
 * @property {string} tag platform tag of the file name
 * @property {string} sha256 of the whole file, as the index states it
 */

/**
 * @typedef {object} Runtime
 * @property {string} name of its library, and of its folder in the cache
 * @property {string} version
 * @property {string} license as SPDX names it
 * @property {string} variable names folders to look in, in the environment
 * @property {Record<string, string>} libraries path of each library in the wheel, and the name that loaders look for
 * @property {readonly string[]} names any of these in a folder means that it is there
 * @property {Record<string, Wheel>} wheels one a platform; there is none of this version for other platforms
 */

const IS_MAC = platform() === "darwin";

/** @type {Runtime} */
export const LIBTENSORFLOW = {
  name: "libtensorflow",
  version: "2.21.0",
  license: "Apache-2.0",
  variable: "LIBTENSORFLOW_PATH",
  libraries: IS_MAC
    ? {
        "tensorflow/libtensorflow_cc.2.dylib": "libtensorflow.dylib",
        "tensorflow/libtensorflow_framework.2.dylib": "libtensorflow_framework.dylib",
      }
    : {
        "tensorflow/libtensorflow_cc.so.2": "libtensorflow.so",
        "tensorflow/libtensorflow_framework.so.2": "libtensorflow_framework.so",
      },
  // TensorFlow's C package first, then the wheel's library.
  names: IS_MAC
    ? ["libtensorflow.dylib", "libtensorflow.2.dylib", "libtensorflow_cc.2.dylib"]
    : ["libtensorflow.so", "libtensorflow.so.2", "libtensorflow_cc.so.2"],
  wheels: {
    "linux-x64": {
      project: "tensorflow-cpu",
      tag: "manylinux_2_27_x86_64",
      sha256: "2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c",
    },
    "linux-arm64": {
      project: "tensorflow",
      tag: "manylinux_2_27_aarch64",
      sha256: "4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c",
    },
    "darwin-arm64": {
      project: "tensorflow",
      tag: "macosx_12_0_arm64",
      sha256: "51f46f4806139d01fc7920cc72a4c75876f80649bf40ff083ab6212ceb43ca88",
    },
  },
};

/** @type {Runtime} */
export const ONNXRUNTIME = {
  name: "onnxruntime",
  version: "1.32.0",
  license: "MIT",
  variable: "ONNXRUNTIME_PATH",
  libraries: IS_MAC
    ? { "onnxruntime/capi/libonnxruntime.1.32.0.dylib": "libonnxruntime.dylib" }
    : { "onnxruntime/capi/libonnxruntime.so.1.32.0": "libonnxruntime.so" },
  names: IS_MAC ? ["libonnxruntime.dylib"] : ["libonnxruntime.so", "libonnxruntime.so.1"],
  wheels: {
    "linux-x64": {
      project: "onnxruntime",
      tag: "manylinux_2_28_x86_64",
      sha256: "5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d",
    },
    "linux-arm64": {
      project: "onnxruntime",
      tag: "manylinux_2_28_aarch64",
      sha256: "2303372a85299b6757b0e11e1cbf13e410ddf7e10c37f4b37e99d1c90e7daf7c",
    },
    "darwin-arm64": {
      project: "onnxruntime",
      tag: "macosx_14_0_arm64",
      sha256: "366b9e53d07812cc5c92822cecf7563b76a8a0f32ba3bb8dd232a206ac3bcb6c",
    },
  },
};

/** Those that there are. */
export const RUNTIMES = [LIBTENSORFLOW, ONNXRUNTIME];

/**
 * Those that the service needs with a setting of `RUNTIME`; libtensorflow where it says nothing, as the service's own.
 * @param {string | undefined} setting
 */
export function wantedRuntimes(setting) {
  if (setting === "onnxruntime") return [ONNXRUNTIME];
  return setting === "auto" ? RUNTIMES : [LIBTENSORFLOW];
}

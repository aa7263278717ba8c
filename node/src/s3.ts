/**
 * S3-compatible stores, by their makers' client, which is loaded only where one is asked for. Endpoint, region and keys are
 * what the client itself reads: `AWS_ENDPOINT_URL_S3`, `AWS_REGION`, `AWS_ACCESS_KEY_ID` and the others.
 */
import type { S3Client } from "@aws-sdk/client-s3";

const CONNECT_MS_MAX = 2000;
/** Servers that are not Amazon's take any. */
const ANY_REGION = "us-east-1";
const BUCKET_URL = /^s3:\/\/([^/]+)(?:\/(.*?))?\/*$/;

export interface BucketPlace {
  readonly bucket: string;
  /** Of all keys that are meant, without the `/` behind it; empty for all of the bucket. */
  readonly prefix: string;
}

/** What `s3://BUCKET` or `s3://BUCKET/PREFIX` names; null for another text. */
export function readBucketUrl(url: string): BucketPlace | null {
  const [, bucket, prefix = ""] = BUCKET_URL.exec(url) ?? [];
  return bucket === undefined ? null : { bucket, prefix };
}

export interface S3 {
  readonly client: S3Client;
  readonly commands: typeof import("@aws-sdk/client-s3");
}

export async function openS3(environment: Readonly<Record<string, string | undefined>> = process.env): Promise<S3> {
  const commands = await import("@aws-sdk/client-s3");
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION = ANY_REGION } = environment;
  const isElsewhere = Boolean(AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL);
  const client = new commands.S3Client({
    // Names of buckets are no names of hosts there.
    ...(isElsewhere ? { forcePathStyle: true, region: AWS_REGION } : {}),
    requestHandler: { connectionTimeout: CONNECT_MS_MAX },
    // Sums of kinds that nobody asked for are refused by some servers.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  return { client, commands };
}

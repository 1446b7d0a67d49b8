import type { Metadata } from "./model.ts";

/** Header of a delivery, and of the request that acknowledges it. */
export const deliveryHeader = "dapr-delivery-id";
/** The same as metadata of a transaction, for clients that cannot set headers. */
const deliveryMetadata = "inbox.deliveryId";

/** Which delivery a transaction acknowledges, and the metadata that is left for the component. */
export function takeDeliveryId(
  header: string | null,
  metadata: Metadata,
): { readonly deliveryId: string | undefined; readonly metadata: Metadata } {
  if (metadata[deliveryMetadata] === undefined) return { deliveryId: header || undefined, metadata };
  const { [deliveryMetadata]: named, ...rest } = metadata;
  return { deliveryId: header || named || undefined, metadata: rest };
}

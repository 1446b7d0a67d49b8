import { responseOf } from "../../kit/any-status.ts";

/** Calls back with the number of body bytes once the last one was handed on, or with what came before the reader or the source gave up. */
export function countBody(response: Response, counted: (bytes: number) => void): Response {
  const body = response.body;
  if (body === null) {
    counted(0);
    return response;
  }
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  let bytes = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            counted(bytes);
            return controller.close();
          }
          bytes += value.length;
          controller.enqueue(value);
        } catch (error) {
          counted(bytes);
          controller.error(error);
        }
      },
      cancel(reason) {
        counted(bytes);
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return responseOf(stream, response);
}

/** The same response with headers that can be changed; answers of fetch need a copy for that. */
export function openCopy(response: Response): Response {
  return responseOf(response.body, response);
}

// What a durable function may answer and what not, without an SDK: the event says what.
export const handler = async (event) => {
  const [execution] = event.InitialExecutionState.Operations;
  return JSON.parse(execution.ExecutionDetails.InputPayload).output;
};

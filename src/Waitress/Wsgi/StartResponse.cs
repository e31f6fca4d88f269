using Waitress.CPython;
using static Waitress.CPython.PythonError;

namespace Waitress.Wsgi;

/// <summary>
/// start_response of one request (PEP 3333): takes status and headers into the response as long as its head has not left.
/// A mistake of the app is raised at the app, with the exception types that Waitress uses.
/// </summary>
internal sealed class StartResponse(AppCall call, PythonSide python, WriteCallable write) : PyCallable
{
    protected override PyNew Call(PyArguments arguments)
    {
        using var scope = call.Enter();
        if (!scope.Entered)
            return call.RaiseEnded(python.RequestTimeout.Ref, "start_response");
        if (!call.TryTakeTurn())
            return Raise(Fault.Assertion, "start_response was called while another thread makes the response");
        try
        {
            return Begin(arguments);
        }
        finally
        {
            call.EndTurn();
        }
    }

    private PyNew Begin(PyArguments arguments)
    {
        var status = arguments.Find(0, "status"u8);
        var headers = arguments.Find(1, "headers"u8);
        var problem = arguments.Find(2, "exc_info"u8);
        if (status.IsNull || headers.IsNull || arguments.Count > 3)
            return Raise(Fault.Type, "start_response(status, headers, exc_info=None) takes two or three arguments");
        var response = call.Exchange.Response;
        if (response.Started || response.Committed)
        {
            if (problem.IsNull || problem.IsNone)
                return Raise(Fault.Assertion, "start_response called a second time without providing exc_info.");
            if (response.Committed)
                return RaiseAgain(problem);
            response.Restart();
        }

        if (ResponseHead.Apply(status, headers, response) is { } mistake)
        {
            response.Restart();
            return Raise(mistake.Fault, mistake.Message);
        }

        return write.ToPython(python.Interpreter.CallableType.Ref);
    }

    // exc_info is (type, value, traceback); the value carries the traceback.
    private static PyNew RaiseAgain(PyRef problem)
    {
        using var value = PySequences.Item(problem, 1);
        return value.IsNull || value.Borrow().IsNone
            ? Raise(Fault.Assertion, "start_response was called with an exc_info that holds no exception")
            : PythonError.Raise(value.Borrow());
    }
}

/// <summary>The write callable that start_response returns: sends at once, as PEP 3333 has it for old frameworks.</summary>
internal sealed class WriteCallable(AppCall call, PythonSide python, BodyPort port) : PyCallable
{
    protected override PyNew Call(PyArguments arguments)
    {
        arguments.Expect("write", 1, 1);
        return port.Write(arguments[0]) switch
        {
            BodyPort.Outcome.Sent => Singletons.NewNone(),
            BodyPort.Outcome.Ended => call.RaiseEnded(python.RequestTimeout.Ref, "write"),
            BodyPort.Outcome.ClientGone => RaiseDisconnected(),
            _ => default,
        };
    }

    private PyNew RaiseDisconnected()
    {
        using var message = PyTexts.FromText("The client has disconnected");
        using var error = message.IsNull ? default : PyObjects.Call(python.ClientDisconnected.Ref, message);
        return error.IsNull ? default : PythonError.Raise(error.Borrow());
    }
}
